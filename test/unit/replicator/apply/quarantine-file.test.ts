import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openQuarantineFile } from '../../../../replicator/apply/quarantine-file.ts';
import { NotSetUpError } from '../../../../src/model/errors.ts';

describe('the quarantine file', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'quarantine-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const entry = (offset: number) => ({
    at: '2024-01-01T00:00:00.000Z',
    topic: 'journal',
    partition: 0,
    offset,
    nextOffset: offset + 1,
    reason: 'skip-and-record',
    error: 'a\nproblem',
  });

  it('gets one line of JSON an entry, also from several writers at once, and keeps what is in it', async () => {
    const path = join(folder, 'quarantine.jsonl');
    const one = await openQuarantineFile(path);
    await one.append(entry(0));
    const two = await openQuarantineFile(path);
    const writers = [one, two, one, two];
    await Promise.all(writers.map((file, index) => file.append(entry(index + 1))));
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines.pop()).to.equal('');
    const offsets = lines.map((line) => (JSON.parse(line) as { offset: number }).offset);
    expect(offsets.toSorted((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4]);
    expect(JSON.parse(lines[0] ?? '')).to.deep.equal(entry(0));
  });

  it('is refused at the start when it cannot be written', async () => {
    const path = join(folder, 'none', 'quarantine.jsonl');
    const failure = await openQuarantineFile(path).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect((failure as Error).message).to.include(path);
  });
});
