/** A record as kafkajs hands it on to our encoder; `partition` is -1 until a send gives it one. */
export interface OutgoingRecord {
  readonly key: Buffer;
  /** `null` for marks, deletes and purges. */
  readonly value: Buffer | null;
  readonly timestampMs: number;
  readonly headers: Record<string, Buffer>;
  partition: number;
}

/** Records of one topic, in order. */
export interface TopicRecords {
  readonly topic: string;
  readonly messages: OutgoingRecord[];
}
