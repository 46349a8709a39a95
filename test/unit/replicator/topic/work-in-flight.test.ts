import { expect } from 'chai';
import { Lane, WorkInFlight } from '../../../../replicator/topic/work-in-flight.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { gate } from '../../../support/replicator/test-replicator.ts';

/** Counts how many of its tasks are under way, and notes the order of their starts. */
class Watch {
  readonly story: string[] = [];
  inFlight = 0;
  most = 0;

  task(name: string, until: () => Promise<unknown> = settle): () => Promise<string> {
    return async () => {
      this.story.push(name);
      this.most = Math.max(this.most, ++this.inFlight);
      await until();
      this.inFlight--;
      return name;
    };
  }
}

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index + 1}`);

describe('WorkInFlight', () => {
  it('runs no more tasks of one lane at once than set, in their order', async () => {
    const [work, lane, watch] = [new WorkInFlight(3), new Lane(), new Watch()];
    const names = numbered('task', 10);
    const done = await Promise.all(names.map((name) => work.run(lane, watch.task(name))));
    expect(done).to.deep.equal(names);
    expect(watch.story).to.deep.equal(names);
    expect(watch.most).to.equal(3);
  });

  it('lets a lane go on while its neighbour fills the bound with tasks that hang', async () => {
    const work = new WorkInFlight(2);
    const [slow, quick] = [new Lane(), new Lane()];
    const hanging = gate();
    const stuck = Array.from({ length: 5 }, () => work.run(slow, () => hanging.opened));
    for (let number = 0; number < 20; number++) {
      expect(await work.run(quick, async () => number)).to.equal(number);
    }
    hanging.open();
    await Promise.all(stuck);
  });

  it('starts what waits in such a lane one after the other, and nothing else in its place', async () => {
    const [work, watch] = [new WorkInFlight(2), new Watch()];
    const [slow, quick] = [new Lane(), new Lane()];
    const hanging = gate();
    const stuck = numbered('slow', 5).map((name) =>
      work.run(
        slow,
        watch.task(name, () => hanging.opened),
      ),
    );
    await Promise.all(numbered('quick', 4).map((name) => work.run(quick, watch.task(name))));
    expect(watch.story).to.deep.equal([...numbered('slow', 2), ...numbered('quick', 4)]);
    expect(watch.most).to.equal(3);
    hanging.open();
    await Promise.all(stuck);
    expect(watch.story).to.have.length(9);
  });

  it('starts one task at once in each lane, and no more than set beside them', async () => {
    const [work, watch] = [new WorkInFlight(4), new Watch()];
    const hanging = gate();
    const stuck = numbered('lane', 6).flatMap((name) => {
      const lane = new Lane();
      return numbered(name, 3).map((task) =>
        work.run(
          lane,
          watch.task(task, () => hanging.opened),
        ),
      );
    });
    expect(watch.story).to.deep.equal([
      ...numbered('lane 1', 3),
      ...[2, 3, 4, 5, 6].map((lane) => `lane ${lane} 1`),
    ]);
    hanging.open();
    await Promise.all(stuck);
    expect(watch.most).to.equal(8);
  });

  it('goes back to the bound when what exceeded it has settled', async () => {
    const [work, watch] = [new WorkInFlight(2), new Watch()];
    const [first, second] = [new Lane(), new Lane()];
    const hanging = gate();
    const stuck = numbered('first', 2).map((name) =>
      work.run(
        first,
        watch.task(name, () => hanging.opened),
      ),
    );
    await work.run(second, watch.task('second'));
    const later = numbered('later', 6).map((name) => work.run(first, watch.task(name)));
    await settle();
    expect(watch.inFlight).to.equal(2);
    watch.most = 0;
    hanging.open();
    await Promise.all([...stuck, ...later]);
    expect(watch.most).to.be.at.most(2);
  });

  it('gives lanes turns, however many tasks one of them has waiting', async () => {
    const [work, watch] = [new WorkInFlight(3), new Watch()];
    const [long, short] = [new Lane(), new Lane()];
    const gates = new Map<string, ReturnType<typeof gate>>();
    const hang = (lane: Lane, name: string): Promise<unknown> => {
      const hanging = gate();
      gates.set(name, hanging);
      return work.run(
        lane,
        watch.task(name, () => hanging.opened),
      );
    };
    const open = async (name: string): Promise<void> => {
      gates.get(name)?.open();
      await settle();
    };
    const done = numbered('long', 9).map((name) => hang(long, name));
    done.push(...numbered('short', 3).map((name) => hang(short, name)));
    // Four are under way, one more than set: no place is free before two have settled.
    const started = [...numbered('long', 3), 'short 1'];
    await open('long 1');
    expect(watch.story).to.deep.equal(started);
    await open('long 2');
    await open('long 3');
    await open('long 4');
    await open('short 1');
    const turns = ['long 4', 'short 2', 'long 5', 'short 3'];
    expect(watch.story).to.deep.equal([...started, ...turns]);
    for (const { open: openGate } of gates.values()) openGate();
    await Promise.all(done);
  });

  it('passes failures on, also of what throws at once, and goes on after them', async () => {
    const [work, lane] = [new WorkInFlight(1), new Lane()];
    const bug = new Error('a bug');
    const thrown = work.run(lane, () => {
      throw bug;
    });
    const rejected = work.run(lane, () => Promise.reject(bug));
    const next = work.run(lane, async () => 'next');
    const settled = await Promise.allSettled([thrown, rejected, next]);
    expect(settled).to.deep.equal([
      { status: 'rejected', reason: bug },
      { status: 'rejected', reason: bug },
      { status: 'fulfilled', value: 'next' },
    ]);
  });

  it('lets a failure be handled once: nothing is left unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const [work, lane] = [new WorkInFlight(1), new Lane()];
      const failures = numbered('task', 3).map((name) =>
        work.run(lane, () => Promise.reject(new Error(name))),
      );
      await Promise.allSettled(failures);
      await settle();
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('costs the same for each task, however many wait', async () => {
    const [work, lane] = [new WorkInFlight(64), new Lane()];
    const tasks = Array.from({ length: 20_000 }, (_, index) => work.run(lane, async () => index));
    const done = await Promise.all(tasks);
    expect(done.at(-1)).to.equal(19_999);
  });
});
