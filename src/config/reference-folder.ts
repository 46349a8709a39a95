import { existsSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `plugin-config`: beside `src` in a checkout, beside the compiled files in the package. */
export const referenceFolder: string = ['../../plugin-config', '../../../plugin-config']
  .map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
  .reduce((found, folder) => (existsSync(found) ? found : folder));

/** Whether a value from this file is one of our defaults. */
export function isReferenceFile(file: string | undefined): boolean {
  return file !== undefined && resolve(file).startsWith(referenceFolder + sep);
}
