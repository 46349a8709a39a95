/**
 * Loaded before everything else (`node --import`): product files are loaded with the edits of the mutant that the
 * environment names. A file in which an edit's place is not found exactly once ends the process, so the list cannot
 * fall behind the code.
 */
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Edit, mutants } from './mutant-list.ts';
import { mutantVariable } from './mutant-variable.ts';

const root = pathToFileURL(fileURLToPath(new URL('../../..', import.meta.url)));
const mutant = mutants.find(({ name }) => name === process.env[mutantVariable]);
if (mutant === undefined) throw new Error(`no mutant ${process.env[mutantVariable]}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edits = mutant.edits.filter(({ file }) => new URL(file, root.href).href === url);
    if (edits.length === 0) return loaded;
    const source = edits.reduce(edited, textOf(loaded.source));
    return { ...loaded, source };
  },
});

function edited(source: string, { file, find, replace }: Edit): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`"${find}" stands ${parts.length - 1} times in ${file}`);
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | null | undefined): string {
  if (typeof source === 'string') return source;
  return source ? new TextDecoder().decode(source) : '';
}
