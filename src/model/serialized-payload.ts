/** What a serializer made of an event: bytes, and what is needed to read them again. */
export class SerializedPayload {
  /** Of the serializer; unique, and stored with the bytes. */
  readonly serializer: number;
  /** Names type and version for the serializer; `''` = it needs none. */
  readonly manifest: string;
  readonly bytes: Uint8Array;

  constructor(serializer: number, manifest: string, bytes: Uint8Array) {
    this.serializer = serializer;
    this.manifest = manifest;
    this.bytes = bytes;
  }
}
