import { childRows } from './xstate-table.children.ts';
import { type Scene, type TableWorld, ways } from './xstate-table.fixture.ts';
import { stepRows } from './xstate-table.steps.ts';

/**
 * The table of docs/xstate.md, row by row: what each feature of xstate does live, in replay and
 * after a recovery. Each entity is stopped and recovers under the same persistence.
 */
export function xstateTableContract(where: string, open: () => Promise<TableWorld>): void {
  describe(`xstate over ${where}`, function () {
    this.timeout(60_000);
    let world: TableWorld;

    before(async () => {
      world = await open();
    });

    after(() => world[Symbol.asyncDispose]());

    for (const way of ways) {
      describe(`with entities that recover from ${way}`, () => {
        const seen: string[] = [];
        const see = (what: string): void => void seen.push(what);
        const scene = (): Scene => ({ ...world, way, see, take: () => seen.splice(0) });

        beforeEach(() => {
          seen.length = 0;
        });

        for (const [row, test] of Object.entries({ ...stepRows, ...childRows }))
          it(row, () => test(scene()));
      });
    }
  });
}
