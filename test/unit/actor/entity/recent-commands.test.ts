import { expect } from 'chai';
import { RecentCommands } from '../../../../src/actor/entity/recent-commands.ts';
import { CodecError } from '../../../../src/model/errors.ts';

const settings = { maxCount: 2, maxAgeMs: 1000 };

function remembering(...ids: readonly string[]): RecentCommands {
  const recent = new RecentCommands(settings);
  for (const [index, commandId] of ids.entries()) {
    const number = index + 1;
    const fact = { first: number, last: number, commandId, reply: number };
    recent.note(fact, [{ type: 'e' }], index * 100);
  }
  return recent;
}

describe('the commands that an entity remembers', () => {
  it('are the last ones, and none that is too old', () => {
    const recent = remembering('1', '2', '3');
    expect(recent.find('1', 300)).to.equal(undefined);
    expect(recent.find('2', 1100)).to.include({ sequenceNr: 2, reply: 2, atMs: 100 });
    expect(recent.find('2', 1101)).to.equal(undefined);
    expect(recent.find('3', 1200)?.sequenceNr).to.equal(3);
  });

  it('keep the events of a command together, and forget the first of two that have one id', () => {
    const recent = new RecentCommands(settings);
    for (const n of [1, 2]) recent.note({ first: 1, last: 2, commandId: 'a' }, [event(n)], 0);
    recent.note({ first: 3, last: 3, correlationId: 'c' }, [event(3)], 0);
    recent.note({ first: 4, last: 4, commandId: 'b' }, [event(4)], 0);
    expect(recent.find('a', 0)?.events).to.deep.equal([event(1), event(2)]);
    recent.note({ first: 5, last: 5, commandId: 'a' }, [event(5)], 0);
    expect(recent.find('a', 0)).to.deep.include({ sequenceNr: 5, events: [event(5)] });
    recent.note({ first: 6, last: 6, commandId: 'c' }, [event(6)], 0);
    expect(recent.find('b', 0), 'it was the oldest').to.equal(undefined);
    expect(recent.find('a', 0)?.sequenceNr).to.equal(5);
  });

  it('are the same after a snapshot, also in what they forget next', () => {
    const recent = remembering('1', '2');
    const plain: unknown = JSON.parse(JSON.stringify(recent.toPlain()));
    const back = RecentCommands.ofPlain(plain, settings);
    for (const id of ['1', '2']) expect(back.find(id, 0)).to.deep.equal(recent.find(id, 0));
    back.note({ first: 3, last: 3, commandId: '3' }, [event(3)], 200);
    expect(back.find('1', 200)).to.equal(undefined);
    expect(new RecentCommands(settings).toPlain()).to.equal(undefined);
    expect(RecentCommands.ofPlain(undefined, settings).toPlain()).to.equal(undefined);
  });

  it('are as many as the program of today wants, when an earlier one took the snapshot', () => {
    const plain: unknown = JSON.parse(JSON.stringify(remembering('1', '2').toPlain()));
    const back = RecentCommands.ofPlain(plain, { ...settings, maxCount: 1 });
    expect(back.find('1', 0)).to.equal(undefined);
    expect(back.find('2', 0)?.sequenceNr).to.equal(2);
  });

  it('are not made of anything else', () => {
    for (const plain of [5, [5], [{ id: 1 }], [{ id: 'a', sequenceNr: -1, events: [], atMs: 0 }]]) {
      expect(() => RecentCommands.ofPlain(plain, settings)).to.throw(CodecError, 'commands');
    }
  });
});

function event(n: number) {
  return { type: 'e', n };
}
