import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const main = 'examples/bank/main.ts';
const root = new URL('../../', import.meta.url);

describe('the bank example', function () {
  this.timeout(90_000);

  it('loses nothing when its worker is killed, on one SQLite file', async () => {
    const { stdout } = await run(process.execPath, [main, '--wallets', '300'], { cwd: root });
    expect(stdout.match(/^right/gm), stdout).to.have.length(4);
    expect(stdout).not.to.include('WRONG');
  });

  it('loses nothing when one of two workers is killed that share the wallets and the file', async () => {
    const args = [main, '--wallets', '300', '--instances', '2'];
    const { stdout } = await run(process.execPath, args, { cwd: root });
    expect(stdout.match(/^right/gm), stdout).to.have.length(4);
    expect(stdout).not.to.include('WRONG');
  });
});
