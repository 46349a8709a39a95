/**
 * A number of a JSON text that `number` cannot hold without loss, kept as its decimal text
 * (as written by the sender). The codec reads and prints it; actors receive ordinary numbers.
 */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** The text of a JSON payload as the store keeps it, taken over from the log unread. */
export interface PrintedJson {
  readonly type: 'printed-json';
  readonly text: string;
}

/** What an event carries. An event without payload has `undefined` in its place. */
export type Payload =
  | { readonly type: 'json'; readonly value: JsonValue }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'binary'; readonly value: Uint8Array };
