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

/** A value of JSON. A number that `number` cannot hold is a `JsonNumber`. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * The text of a JSON payload: printed and proven before it is written, or taken over from the log
 * unread. A class, so that no caller's object passes for one.
 */
export class PrintedJson {
  readonly type = 'printed-json';
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What an event carries. An event without payload has `undefined` in its place. */
export type Payload =
  | { readonly type: 'json'; readonly value: JsonValue }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'binary'; readonly value: Uint8Array };
