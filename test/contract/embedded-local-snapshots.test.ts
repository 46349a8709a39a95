import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { SnapshotCriteria } from '../../src/ports/snapshot-store.ts';
import { openLocalSnapshotStore } from '../../src/stores/local/local-snapshot-store.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { metadataOf, newId } from './snapshot-store.contract.ts';

const child = join(import.meta.dirname, 'local-snapshot-child.ts');
const size = 8_000_000;
const kills = 6;

describe('a process that is killed while it saves snapshots in local files', () => {
  it('leaves the last one that it said to be saved, or the one after it, whole', async () => {
    await using temporary = await temporaryFile();
    const dir = dirname(temporary.file);
    const id = newId();
    const log = new RecordingLogger();
    const settings = { dir, maxLoadAttempts: 1 };
    await using store = await openLocalSnapshotStore(settings, { log });
    let leftovers = 0;
    for (let first = 1, kill = 0; kill < kills; kill++) {
      const saved = await runAndKill([dir, id, `${size}`, `${first}`], kill);
      leftovers += files(dir).filter((name) => name.endsWith('.tmp')).length;
      const stored = await store.load(id, SnapshotCriteria.all);
      const count = stored?.metadata.timestampMs ?? 0;
      expect(count).to.be.within(saved, saved + 1);
      expect(Buffer.alloc(size, count).equals(stored?.snapshot ?? Buffer.alloc(0))).to.equal(true);
      first = count + 1;
    }
    expect(log.lines).to.deep.equal([]);
    // Else no kill has met a save.
    expect(leftovers).to.be.above(0);
    await store.save(metadataOf(id, 1, 1), Buffer.from('x'));
    expect(files(dir).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    await store.deleteMatching(id, SnapshotCriteria.all);
    expect(files(dir)).to.deep.equal([]);
  }).timeout(60_000);
});

function files(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' });
}

/**
 * @param afterMs how long after the beginning of a file the process is killed
 * @returns the last count that it said to be saved
 */
async function runAndKill(args: readonly string[], afterMs: number): Promise<number> {
  const [dir = '', , , first] = args;
  const running = spawn(process.execPath, [child, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = 0;
  const lines = createInterface({ input: running.stdout });
  lines.on('line', (line) => {
    last = Number(line.split(' ')[1]);
  });
  const closed = Promise.all([once(running, 'close'), once(lines, 'close')]);
  while (last <= Number(first) || !files(dir).some((name) => name.endsWith('.tmp'))) await sleep(1);
  await sleep(afterMs);
  running.kill('SIGKILL');
  await closed;
  return last;
}
