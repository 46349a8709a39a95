import { CompressionTypes, Kafka, logLevel, type Message, type Producer } from 'kafkajs';

/**
 * The raw client doing only what is measured: one idempotent producer, acks all, lz4, one send in
 * flight, and the same group commit as ours; records come encoded, with their partition.
 */
export interface RawProducer extends AsyncDisposable {
  send(message: Message): Promise<void>;
}

const maxMessages = 1_000;

export async function openRawProducer(broker: string, topic: string): Promise<RawProducer> {
  const kafka = new Kafka({ clientId: 'raw', brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const group = new GroupCommit(producer, topic);
  return {
    send: (message) => group.send(message),
    [Symbol.asyncDispose]: () => producer.disconnect(),
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Waiting {
  readonly message: Message;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class GroupCommit {
  readonly #producer: Producer;
  readonly #topic: string;
  #waiting: Waiting[] = [];
  #sending = false;

  constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  send(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
      if (!this.#sending) this.#drain().catch(reject);
    });
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      // As ours: whoever is about to send in this turn of the event loop joins.
      await nextTurn();
      const group = this.#waiting.splice(0, maxMessages);
      try {
        const messages = group.map(({ message }) => message);
        const compression = CompressionTypes.LZ4;
        await this.#producer.send({ topic: this.#topic, acks: -1, compression, messages });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#sending = false;
  }
}
