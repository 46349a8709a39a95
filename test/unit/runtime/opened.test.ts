import { expect } from 'chai';
import { Opened } from '../../../src/runtime/opened.ts';

describe('Opened', () => {
  it('closes everything once, the last first, and tells the first error', async () => {
    const opened = new Opened();
    const closed: string[] = [];
    for (const name of ['log', 'store', 'admin']) {
      opened.own({
        [Symbol.asyncDispose]: async () => {
          closed.push(name);
          if (name !== 'log') throw new Error(`the ${name} does not close`);
        },
      });
    }
    const failure: unknown = await opened[Symbol.asyncDispose]().catch((error: unknown) => error);
    expect(failure).to.have.property('message', 'the admin does not close');
    await opened[Symbol.asyncDispose]();
    expect(closed).to.deep.equal(['admin', 'store', 'log']);
  });
});
