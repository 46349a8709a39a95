/** Turns events into bytes and back. What it wrote has to be readable for ever. */
export interface Serializer<T = unknown> {
  /**
   * Stored with the bytes, so it never changes: an integer of at least 100, which no other
   * serializer has. Those below belong to the frameworks.
   */
  readonly identifier: number;
  /** Stored with the bytes: a name and a version, never the name of a class; `''` = none. */
  manifest(value: T): string;
  toBinary(value: T): Uint8Array;
  fromBinary(bytes: Uint8Array, manifest: string): T;
}

/** Turns events into JSON and back, where JSON alone cannot hold them. */
export interface JsonCodec<T = unknown> {
  /** Stored beside the events that it wrote, so it never changes. */
  readonly name: string;
  /** Objects, arrays, texts, numbers, booleans and null. */
  toJson(value: T): unknown;
  fromJson(json: unknown): T;
}

/** What turns events into what is stored, and back. */
export type EventSerializer = Serializer | JsonCodec;

/** It makes bytes, not JSON. */
export function isSerializer(serializer: EventSerializer): serializer is Serializer {
  return 'identifier' in serializer;
}
