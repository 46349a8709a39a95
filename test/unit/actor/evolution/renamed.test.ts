import { expect } from 'chai';
import { checkRenamed, Renaming } from '../../../../src/actor/evolution/renamed.ts';
import { InvalidInputError } from '../../../../src/model/errors.ts';

describe('new names for stored events', () => {
  it('leave every name alone that is not among the old ones', () => {
    const renaming = new Renaming({});
    for (const type of [
      'opened',
      'xstate.after.10.m.a',
      'xstate.done.actor.0.m.a',
      'xstate.init',
    ]) {
      expect(renaming.typeOf(type)).to.equal(type);
      expect(renaming.timerOf(type)).to.equal(type);
    }
  });

  it('give types of the program their new ones, once: names may be swapped', () => {
    const renaming = new Renaming({ events: { a: 'b', b: 'a' } });
    expect(['a', 'b', 'c'].map((type) => renaming.typeOf(type))).to.deep.equal(['b', 'a', 'c']);
  });

  it('follow actors through their ends and their changes', () => {
    const renaming = new Renaming({ actors: { charge: 'pay' } });
    expect(renaming.typeOf('xstate.done.actor.charge')).to.equal('xstate.done.actor.pay');
    expect(renaming.typeOf('xstate.error.actor.charge')).to.equal('xstate.error.actor.pay');
    expect(renaming.typeOf('xstate.snapshot.charge')).to.equal('xstate.snapshot.pay');
    expect(renaming.typeOf('xstate.done.actor.charged')).to.equal('xstate.done.actor.charged');
  });

  it('follow a state with all within it: in delayed transitions and in ids that xstate made', () => {
    const renaming = new Renaming({ states: { 'm.waiting': 'm.open.waiting', m: 'order' } });
    expect(renaming.typeOf('xstate.after.1000.m.waiting')).to.equal(
      'xstate.after.1000.m.open.waiting',
    );
    expect(renaming.typeOf('xstate.after.0.5.m.waiting.deep')).to.equal(
      'xstate.after.0.5.m.open.waiting.deep',
    );
    expect(renaming.typeOf('xstate.done.actor.0.m.waiting')).to.equal(
      'xstate.done.actor.0.m.open.waiting',
    );
    // The longer name counts, and a name is a whole one.
    expect(renaming.typeOf('xstate.after.10.m.paid')).to.equal('xstate.after.10.order.paid');
    expect(renaming.typeOf('xstate.after.10.mm.paid')).to.equal('xstate.after.10.mm.paid');
  });

  it('follow delays: of all states, or of one by its new id', () => {
    const renaming = new Renaming({
      states: { 'm.b': 'm.c' },
      delays: { '1000': 'reminder', '1000.m.c': 'last' },
    });
    expect(renaming.typeOf('xstate.after.1000.m.a')).to.equal('xstate.after.reminder.m.a');
    expect(renaming.typeOf('xstate.after.1000.m.b')).to.equal('xstate.after.last.m.c');
    expect(renaming.timerOf('xstate.after.1000.m.a')).to.equal('xstate.after.reminder.m.a');
  });

  it('follow timers by their ids', () => {
    expect(new Renaming({ timers: { ring: 'bell' } }).timerOf('ring')).to.equal('bell');
  });

  it('are refused where they are none: a misspelt group would rename nothing', () => {
    for (const renamed of [{ event: { a: 'b' } }, { events: 'a' }, { states: { m: 5 } }]) {
      expect(() => checkRenamed(renamed), JSON.stringify(renamed)).to.throw(
        InvalidInputError,
        Object.keys(renamed)[0],
      );
    }
    checkRenamed({ events: { a: 'b' }, timers: undefined });
  });
});
