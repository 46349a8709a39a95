import { type Distorted, frameOf } from '../fake-kafka.ts';

/** Answers that no Kafka broker gives; some of them close the connection, or never end. */
export type ForeignAnswer = (answer: Distorted) => Buffer;

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const http = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';
const trickleMs = 20;

/** Every kind of foreign bytes, by what they are. */
export const foreignAnswers: Readonly<Record<string, ForeignAnswer>> = {
  'five zero bytes': () => Buffer.alloc(5),
  'a length of zero and no more': () => int32(0),
  'a length of three': () => Buffer.concat([int32(3), Buffer.alloc(3)]),
  'a negative length': () => Buffer.concat([int32(-7), Buffer.alloc(20)]),
  'the most negative length': () => int32(-(2 ** 31)),
  'the largest length': () => Buffer.concat([int32(2 ** 31 - 1), Buffer.alloc(20)]),
  'an answer of HTTP': () => Buffer.from(http),
  'a TLS alert': () => Buffer.from('15030300020228', 'hex'),
  'a greeting of SSH': () => Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
  'a greeting of SMTP': () => Buffer.from('220 mail ESMTP\r\n'),
  'an error of Redis': () => Buffer.from("-ERR unknown command '\\x00'\r\n"),
  'one byte': () => Buffer.from([0]),
  'an answer to another request': ({ body }) => frameOf(int32(4_711), body ?? Buffer.alloc(8)),
  'an answer to request -1': ({ body }) => frameOf(int32(-1), body ?? Buffer.alloc(8)),
  'an answer without a body': ({ correlationId }) => frameOf(correlationId, Buffer.alloc(0)),
  'an answer of zeros': ({ correlationId }) => frameOf(correlationId, Buffer.alloc(64)),
  'an answer of ones': ({ correlationId }) => frameOf(correlationId, Buffer.alloc(64, 0xff)),
  'an answer whose lists are endless': ({ correlationId }) =>
    frameOf(correlationId, Buffer.alloc(400, 0x7f)),
  'a cut answer, whole as a frame': ({ correlationId, body = Buffer.alloc(9) }) =>
    frameOf(correlationId, body.subarray(0, Math.ceil(body.length / 2))),
  'a cut frame, then the end': ({ correlationId, body = Buffer.alloc(9), socket }) => {
    const frame = frameOf(correlationId, body);
    setImmediate(() => socket.end());
    return frame.subarray(0, frame.length - 3);
  },
  'the end at once': ({ socket }) => {
    socket.end();
    return Buffer.alloc(0);
  },
  'a reset': ({ socket }) => {
    socket.resetAndDestroy();
    return Buffer.alloc(0);
  },
  'a trickle that never ends': ({ socket, correlationId }) => {
    const timer = setInterval(() => {
      if (socket.writable) socket.write(Buffer.alloc(1));
    }, trickleMs);
    socket.on('close', () => clearInterval(timer));
    return Buffer.concat([int32(1_000_000), correlationId]);
  },
  nothing: () => Buffer.alloc(0),
};
