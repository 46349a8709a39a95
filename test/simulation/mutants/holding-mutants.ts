import { type Mutant, mutant } from './mutant.ts';

const key = 'src/journal/holding/held-key.ts';
const tenure = 'src/journal/holding/held-tenure.ts';
const partition = 'src/journal/holding/partition-holder.ts';
const follower = 'src/journal/holding/tenure-follower.ts';
const holder = 'src/journal/holding/tenure-holder.ts';

/** Rules of holding (docs/adr/0031-tenures.md), each removed by itself. */
export const holdingMutants: readonly Mutant[] = [
  mutant(
    'a write names the tenure of the moment',
    'a write names the tenure under which its recovery began',
    [
      key,
      'const { tenure } = this;\n    const isHeld',
      'const tenure = this.#deps.current() ?? this.tenure;\n    const isHeld',
    ],
    [partition, 'if (held.tenure === tenure) held.finish(tenure.signal.reason);', 'held;'],
    [
      partition,
      'renewal: () => this.#opening,',
      'renewal: () => this.#opening, current: () => this.#tenure,',
    ],
  ),
  mutant(
    'a recovery ends before the opening mark',
    'a recovery begins after the mark is acknowledged',
    [
      partition,
      'await this.#endKey(key.id, signal);\n',
      `await this.#endKey(key.id, signal);
       const early = await this.#deps.consumer.endOffset(this.#spot.topic, this.#spot.partition);\n`,
    ],
    [
      partition,
      'this.#keys.set(key.id, held);',
      `this.#keys.set(key.id, held);
       held.readTo = () => ({ partition: this.#spot.partition, offset: early });`,
    ],
  ),
  mutant(
    'a write of unknown outcome leaves no doubt',
    'after an unknown outcome the tenure is opened anew',
    [key, 'if (!isKnown) this.#deps.doubt(of);', ''],
  ),
  mutant('late marks of the own process are harmless', 'any other opening mark takes the tenure', [
    follower,
    'if (!isRenewal) this.#listener.lost(opening);',
    'if (!isRenewal) { if (!isOwn) this.#listener.lost(opening); }',
  ]),
  mutant('what is acknowledged counts at once', 'nothing lies in the gap', [
    key,
    'if (!isPlain || !tenure.isSure(stamp.of, at.offset))',
    'if (tenure === undefined)',
  ]),
  mutant('the follower is asked before it has passed', 'the follower has passed the gap', [
    tenure,
    'if (end === undefined) return undefined;',
    "if (end === undefined) return 'counts';",
  ]),
  mutant('the follower goes on with a break', 'the follower passes without a break', [
    follower,
    'failures++;',
    'failures++;\nfrom = await consumer.endOffset(topic, partition);',
  ]),
  mutant('a journal is not told of actions without a tenure', 'told before sureUpTo moves', [
    follower,
    'if (header.tenure === undefined) this.#listener.sawForeign(key.id, at.offset);',
    '',
  ]),
  mutant('only a journal that is being written is told', 'the look is for all journals', [
    key,
    'if (this.#readTo === undefined || at < this.#readTo) return;',
    'if (this.#readTo === undefined || at < this.#readTo || this.#underWay === 0) return;',
  ]),
  mutant(
    'an action without a tenure before an acknowledged write is not looked at',
    'a write after an action without a tenure is not acknowledged',
    [key, 'const isPlain = this.#foreignAt === undefined && ', 'const isPlain = '],
  ),
  mutant('opening marks of other scopes take the tenure', 'scopes are apart', [
    follower,
    'if (opens?.scope === this.#tenure.spot.scope)',
    'if (opens !== undefined)',
  ]),
  mutant(
    'a write past the held journal is not noticed',
    'a process writes through the holder',
    [holder, 'held.holders.get(partition)?.writtenPast(key);', 'partition;'],
    [holder, 'else holder?.wrotePast(past, at.offset);', 'else holder?.wrote(at.offset);'],
  ),
  mutant('a tenure is opened although W is before R', 'clients look at W', [
    'src/journal/holding/why-not-open.ts',
    'if (replicated === undefined) return undefined;',
    'return undefined;',
  ]),
];
