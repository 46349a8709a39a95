import { expect } from 'chai';
import { WakeEntities } from '../../../src/compose/wake-entities.ts';
import type { OpenEntity } from '../../../src/fleet/fleet.ts';
import { AccessDeniedError, ClosedError, NotSetUpError } from '../../../src/model/errors.ts';
import type { Key } from '../../../src/model/key.ts';
import type { Woken } from '../../../src/model/wake-up.ts';
import { settle } from '../actor/support.ts';
import { Ground, place } from '../journal/waking/ground.ts';

describe('waking the entities of a section', () => {
  let ground: Ground;
  let partitions: number | undefined;
  let persistenceIdsOf: (key: Key) => readonly string[];
  /** Persistence ids that were asked for. */
  let asked: string[];
  let waking: WakeEntities;
  beforeEach(() => {
    ground = new Ground();
    partitions = 2;
    asked = [];
    persistenceIdsOf = ({ id }) => [id];
    waking = new WakeEntities({
      ...ground.deps,
      consumer: { ...ground.deps.consumer, partitionCount: async () => partitions },
      persistenceIdsOf: (key) => persistenceIdsOf(key),
    });
  });
  afterEach(async () => {
    ground.stopping.abort(new ClosedError('over'));
    await waking.settled();
  });

  const openers =
    (known: Readonly<Record<string, () => Promise<Woken>>>): OpenEntity =>
    (persistenceId) => {
      asked.push(persistenceId);
      return known[persistenceId]?.();
    };
  const pass = async (ms: number): Promise<void> => {
    await settle();
    await ground.pass(ms);
  };

  it('asks for each persistence id that the key may come from, until one is known', async () => {
    persistenceIdsOf = ({ id, topic }) => [id, `${topic}-${id}`, 'not asked for'];
    ground.stored('a', -60_000, 5);
    waking.inPartition(
      place,
      openers({ 'journal-a': async () => 'awake' }),
      ground.stopping.signal,
    );
    await pass(10);
    expect(asked).to.deep.equal(['a', 'journal-a']);
  });

  it('looks again at what is of no type of this process when one is added', async () => {
    ground.stored('a', -60_000, 5);
    ground.stored('b', -60_000, 6);
    const known: Record<string, () => Promise<Woken>> = { a: async () => 'awake' };
    waking.inPartition(place, (id) => openers(known)(id), ground.stopping.signal);
    await pass(60_000);
    expect(asked).to.deep.equal(['a', 'b']);
    known['b'] = async () => 'awake';
    waking.typeAdded();
    await pass(60_000);
    expect(asked).to.deep.equal(['a', 'b', 'b']);
  });

  it('leaves alone what is of no type of this process', async () => {
    ground.stored('a', -60_000, 5);
    waking.inPartition(place, openers({}), ground.stopping.signal);
    await pass(60_000);
    expect(asked).to.deep.equal(['a']);
    expect(ground.log.of('warn')).to.deep.equal([]);
  });

  it('tries an entity again whose opening fails', async () => {
    ground.stored('a', -60_000, 5);
    const open = openers({ a: () => Promise.reject(new Error('poison')) });
    waking.inPartition(place, open, ground.stopping.signal);
    await pass(3_500);
    expect(asked).to.deep.equal(['a', 'a', 'a']);
  });

  it('goes on in a partition that was lost and still belongs to this process', async () => {
    waking.inPartition(place, openers({}), ground.stopping.signal);
    await pass(10);
    ground.lose(new ClosedError('taken over'));
    await pass(5_500);
    expect(ground.taken).to.equal(2);
  });

  it('opens no suspect twice that has waited for nothing, though the partition went and came back', async () => {
    ground.stored('a', -60_000, 5, 'unknown');
    const first = new AbortController();
    const open = openers({ a: async () => 'idle' });
    waking.inPartition(place, open, first.signal);
    await pass(10);
    first.abort(new ClosedError('moved'));
    ground.lose(new ClosedError('taken over'));
    await pass(10);
    waking.inPartition(place, open, ground.stopping.signal);
    await pass(10);
    expect(ground.taken).to.equal(2);
    expect(asked).to.deep.equal(['a']);
  });

  it('looks after all partitions of a topic, also of one that is made later', async () => {
    partitions = undefined;
    ground.stored('a', -60_000, 5);
    waking.inTopic(place.topic, openers({ a: async () => 'awake' }), ground.stopping.signal);
    await pass(6_000);
    expect(asked).to.deep.equal([]);
    partitions = 2;
    await pass(6_000);
    expect(asked, 'the ground gives each partition the same entries').to.deep.equal(['a', 'a']);
  });

  it('warns once where no tenures can be held, and goes on when they can', async () => {
    for (let i = 0; i < 4; i++) ground.keepFails.push(new NotSetUpError('no opening marks'));
    ground.stored('a', -60_000, 5);
    waking.inTopic(place.topic, openers({ a: async () => 'awake' }), ground.stopping.signal);
    await pass(61_000);
    expect(ground.log.of('warn')).to.have.lengthOf(1);
    expect(asked).to.deep.equal([]);
    await pass(61_000);
    expect(asked).to.deep.equal(['a', 'a']);
  });

  it('warns once where a right is missing, and goes on when it is granted', async () => {
    ground.refusal = new AccessDeniedError('no SELECT on wake_ups');
    ground.stored('a', -60_000, 5);
    waking.inTopic(place.topic, openers({ a: async () => 'awake' }), ground.stopping.signal);
    await pass(16_000);
    const warned = ground.log.lines.filter(({ level }) => level === 'warn');
    expect(warned.map(({ fields }) => fields.err)).to.deep.equal([ground.refusal]);
    ground.refusal = undefined;
    await pass(16_000);
    expect(asked).to.deep.equal(['a', 'a']);
  });

  it('ends with its signal', async () => {
    waking.inTopic(place.topic, openers({}), ground.stopping.signal);
    waking.inPartition(place, openers({}), ground.stopping.signal);
    await pass(10);
    ground.stopping.abort(new ClosedError('over'));
    await waking.settled();
  });
});
