import { EOL, homedir, tmpdir, userInfo } from 'node:os';
import { delimiter, sep } from 'node:path';

/**
 * System properties of the JVM that files refer to and Node can answer, under their whole names.
 * On the JVM every one of them can be referred to; we give those that mean the same here.
 */
export function systemProperties(): Readonly<Record<string, string | undefined>> {
  let userName: string | undefined;
  try {
    userName = userInfo().username;
  } catch {
    // A container may run as a user without a name.
  }
  return {
    'user.home': homedir(),
    'user.dir': process.cwd(),
    'user.name': userName,
    'java.io.tmpdir': tmpdir(),
    'file.separator': sep,
    'path.separator': delimiter,
    'line.separator': EOL,
  };
}
