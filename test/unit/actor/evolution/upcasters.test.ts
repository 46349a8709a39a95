import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { upcasters } from '../../../../src/actor/evolution/upcasters.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';

const place = { persistenceId: 'e', seqNr: 1 };

interface V1 {
  readonly type: 'paid';
  readonly euros: number;
}
interface V2 {
  readonly type: 'paid';
  readonly cents: number;
}
const toCents = {
  type: 'paid',
  from: 1,
  to: 2,
  up: ({ type, euros }: V1): EventObject => ({ type, cents: euros * 100 }) as EventObject,
  down: ({ type, cents }: V2): EventObject => ({ type, euros: cents / 100 }) as EventObject,
};
const withCurrency = {
  type: 'paid',
  from: 2,
  to: 3,
  up: (paid: V2): EventObject => ({ ...paid, currency: 'EUR' }) as EventObject,
};

describe('upcasters', () => {
  it('bring an event of each version to the newest one, step by step', () => {
    const adapter = upcasters([withCurrency, toCents]);
    const now = { type: 'paid', cents: 300, currency: 'EUR' };
    expect(adapter.fromJournal({ type: 'paid', euros: 3 }, 'paid#v1', place)).to.deep.equal([now]);
    expect(adapter.fromJournal({ type: 'paid', cents: 300 }, 'paid#v2', place)).to.deep.equal([
      now,
    ]);
    expect(adapter.fromJournal(now, 'paid#v3', place)).to.deep.equal([now]);
  });

  it('take an event without a version for version 1', () => {
    const read = upcasters([toCents]).fromJournal({ type: 'paid', euros: 3 }, '', place);
    expect(read).to.deep.equal([{ type: 'paid', cents: 300 }]);
  });

  it('write the newest version of types with steps, and no manifest for others', () => {
    const adapter = upcasters([toCents, withCurrency]);
    expect(adapter.manifest?.({ type: 'paid' })).to.equal('paid#v3');
    expect(adapter.manifest?.({ type: 'opened' })).to.equal('');
    expect(adapter.fromJournal({ type: 'opened' }, '', place)).to.deep.equal([{ type: 'opened' }]);
  });

  it('write an older version while programs that know no other still run', () => {
    const adapter = upcasters([toCents], { writeVersions: { paid: 1 } });
    const event = { type: 'paid', cents: 300 };
    expect(adapter.manifest?.(event)).to.equal('paid#v1');
    expect(adapter.toJournal(event)).to.deep.equal({ type: 'paid', euros: 3 });
  });

  it('may split an event, drop it, or give it another type', () => {
    const split = { type: 'moved', from: 1, to: 2 };
    const parts = [{ type: 'left' }, { type: 'arrived' }];
    const read = (up: () => EventObject | readonly EventObject[]) =>
      upcasters([{ ...split, up }]).fromJournal({ type: 'moved' }, '', place);
    expect(read(() => parts)).to.deep.equal(parts);
    expect(read(() => [])).to.deep.equal([]);
    expect(read(() => ({ type: 'travelled' }))).to.deep.equal([{ type: 'travelled' }]);
  });

  it('name the step that gives no event: it may lack a return', () => {
    for (const nothing of [undefined, {}, [{ type: 'paid' }, null]]) {
      const forgets = { ...toCents, up: () => nothing as unknown as EventObject };
      const read = () =>
        upcasters([forgets, withCurrency]).fromJournal({ type: 'paid' }, '', place);
      expect(read).to.throw(CodecError, /"paid" from version 1 to 2 gave .*no event/);
    }
  });

  it('tell a step where its event is', () => {
    let seen: unknown;
    const step = { type: 'a', from: 1, to: 2 };
    const up = (payload: EventObject, at: object) => {
      seen = at;
      return payload;
    };
    upcasters([{ ...step, up }]).fromJournal({ type: 'a' }, '', { persistenceId: 'x', seqNr: 7 });
    expect(seen).to.deep.equal({ persistenceId: 'x', seqNr: 7 });
  });

  it('refuse a version that a later program wrote, naming both', () => {
    const read = () => upcasters([toCents]).fromJournal({ type: 'paid' }, 'paid#v4', place);
    expect(read).to.throw(CodecError, /version 4.*"paid" up to version 2/);
  });

  it('refuse gaps, two ways from one version, and steps over a version, all at once', () => {
    const up = (payload: EventObject) => payload;
    const make = () =>
      upcasters([
        { type: 'gap', from: 2, to: 3, up },
        { type: 'twice', from: 1, to: 2, up },
        { type: 'twice', from: 1, to: 2, up },
        { type: 'jump', from: 1, to: 3, up },
      ]);
    expect(make).to.throw(InvalidInputError);
    expect(make).to.throw('"gap" has no single step from version 1');
    expect(make).to.throw('"twice" has no single step from version 2');
    expect(make).to.throw('a step of "jump" leads from 1 to 3');
  });

  it('refuse a step that has no "up", and one of a type that xstate makes', () => {
    const missing = { type: 'paid', from: 1, to: 2 } as never;
    expect(() => upcasters([missing])).to.throw(InvalidInputError, 'no "up"');
    const own = { ...toCents, type: 'xstate.done.actor.pay' };
    expect(() => upcasters([own])).to.throw(InvalidInputError, `xstate's own`);
  });

  it('refuse to write a version that is unknown, or that no "down" leads to', () => {
    const make = (paid: number) => () =>
      upcasters([toCents, withCurrency], { writeVersions: { paid } });
    expect(make(4)).to.throw(InvalidInputError, 'no step knows that version');
    expect(make(0)).to.throw(InvalidInputError, 'no step knows that version');
    expect(make(2)).to.throw(InvalidInputError, 'a step above it has no "down"');
    expect(make(1)).to.throw(InvalidInputError, 'a step above it has no "down"');
    expect(make(3)).not.to.throw();
  });
});
