import { hostJournal } from '../../src/plugin/host/hosted-journal.ts';
import { InMemoryJournalPlugin } from '../../src/plugin/in-memory-journal-plugin.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/observability/logger.ts';
const mk = () => new InMemoryJournalPlugin({ testSerialization: false, delayWritesMs: 0, clock: systemClock });
const settings: any = { breaker: { maxFailures: 10, callTimeoutMs: 10000, resetTimeoutMs: 1000 }, replayFilter: { mode: 'repair-by-discard-old', windowSize: 100, maxOldWriters: 10, debug: false }, replayBatchSize: 1000 };
const n = 50000;
const cpu = () => { const c = process.cpuUsage(); return c.user + c.system; };
for (let r = 0; r < 4; r++) for (const [name, j] of [['raw', mk()], ['hosted', hostJournal(mk(), { settings, configPath: 'x', log: silentLogger, clock: systemClock })]] as any) {
  let t = cpu();
  for (let i = 1; i <= n; i++) await j.write([{ persistenceId: 'a', events: [{ persistenceId: 'a', seqNr: i, payload: { type: 'x' }, manifest: '', writerUuid: 'w', timestampMs: undefined, tags: [], facts: {} }] }]);
  const w = (cpu() - t) / n; t = cpu(); let c = 0;
  for await (const b of j.replay({ persistenceId: 'a', from: 1, to: 1e9, maxEvents: Infinity })) c += b.length;
  console.log(name, w.toFixed(2), 'us cpu a write', ((cpu() - t) / n).toFixed(3), 'us cpu an event', c);
  await j[Symbol.asyncDispose]();
}
