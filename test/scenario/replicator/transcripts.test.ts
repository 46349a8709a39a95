import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { play } from '../../support/replicator/transcript.ts';

// Expected text is written by `UPDATE_TRANSCRIPTS=1`, and read by a person before it is committed.
const isUpdate = process.env['UPDATE_TRANSCRIPTS'] === '1';

describe('Replicator transcripts', () => {
  for (const name of readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt'))) {
    it(`plays ${name}`, async () => {
      const file = `${import.meta.dirname}/${name}`;
      const expected = readFileSync(file, 'utf8');
      const played = await play(expected);
      if (isUpdate) writeFileSync(file, played);
      else expect(played).to.equal(expected);
    });
  }
});
