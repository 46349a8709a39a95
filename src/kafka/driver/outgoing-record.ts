/** A record as kafkajs takes it; `partition` is where the current attempt puts it. */
export interface OutgoingRecord {
  readonly key: Buffer;
  /** `null` for marks, deletes and purges. */
  readonly value: Buffer | null;
  readonly timestamp: string;
  readonly headers: Record<string, Buffer>;
  partition: number;
}

/** Records of one topic, in order. */
export interface TopicRecords {
  readonly topic: string;
  readonly messages: OutgoingRecord[];
}
