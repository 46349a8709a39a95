import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Upcast, upcasters } from '../../src/actor/evolution/upcasters.ts';

/** A stored event as a file holds it, and what a machine of today gets of it. */
interface GoldenEvent {
  readonly stored: unknown;
  readonly manifest: string;
  readonly events: readonly unknown[];
}

/**
 * Every version of every type that has steps was stored once, and is read for ever: a file
 * `<type>#v<version>.json` in the folder says how it was stored, and what it means today.
 */
export function goldenEvents(folder: URL, steps: readonly Upcast[]): void {
  const path = fileURLToPath(folder);
  const adapter = upcasters(steps);
  const files = readdirSync(path).filter((file) => file.endsWith('.json'));

  it('has a file for each version of each type', () => {
    const versions = new Set(
      steps.flatMap(({ type, from, to }) => [`${type}#v${from}`, `${type}#v${to}`]),
    );
    expect(files.map((file) => file.replace(/\.json$/, ''))).to.have.members([...versions]);
  });

  for (const file of files) {
    it(`reads ${file}`, () => {
      const { stored, manifest, events } = JSON.parse(
        readFileSync(join(path, file), 'utf8'),
      ) as GoldenEvent;
      const place = { persistenceId: 'golden', seqNr: 1 };
      expect(adapter.fromJournal(stored, manifest, place)).to.deep.equal(events);
    });
  }
}
