import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const jars = new URL('../../../support/stack/jars.ts', import.meta.url).href;

/** Says when it begins and ends, and makes one jar; `broken` makes it fail as Maven does. */
const maven = `#!/bin/sh
echo begin >> "$MAVEN_LOG"
sleep 0.2
for argument; do case "$argument" in -DoutputDirectory=*) folder="\${argument#*=}" ;; esac; done
echo end >> "$MAVEN_LOG"
[ -z "$MAVEN_BROKEN" ] || { echo '[ERROR] no such artifact'; exit 1; }
touch "$folder/one.jar"
`;

describe('the jars of the servers', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-journal-jars-'));
    writeFileSync(join(folder, 'mvn'), maven);
    chmodSync(join(folder, 'mvn'), 0o755);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A run that has no jars yet, and asks for these at once. */
  async function classPaths(names: readonly string[], broken = ''): Promise<string> {
    const script = `import { classPath } from ${JSON.stringify(jars)};
      const paths = ${JSON.stringify(names)}.map((name) => classPath(name).catch((error) => error.message));
      console.log((await Promise.all(paths)).join('\\n'));`;
    const env = {
      ...process.env,
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      XDG_CACHE_HOME: folder,
      MAVEN_LOG: join(folder, 'log'),
      MAVEN_BROKEN: broken,
    };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
    return stdout;
  }

  it('are fetched by one Maven at a time, and once, however many stacks want them', async () => {
    const paths = await classPaths(['kafka', 'cassandra', 'kafka', 'cassandra']);
    expect(paths.trim().split('\n')).to.have.length(4);
    for (const path of paths.trim().split('\n')) expect(path).to.match(/one\.jar$/);
    const log = readFileSync(join(folder, 'log'), 'utf8');
    expect(log).to.equal('begin\nend\nbegin\nend\n');
    expect(readdirSync(join(folder, 'kafka-journal'))).to.have.length(2);
  });

  it('that cannot be fetched: the error says what Maven said, and nothing half done is left', async () => {
    const said = await classPaths(['kafka'], 'yes');
    expect(said).to.contain('Maven could not fetch the jars of kafka: [ERROR] no such artifact');
    expect(readdirSync(join(folder, 'kafka-journal'))).to.deep.equal([]);
  });
});
