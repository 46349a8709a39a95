/**
 * Loaded before everything else (`node --import`): product files are loaded with the edits of the
 * mutant that the environment holds. A file in which an edit's place is not found exactly once ends
 * the process, so a list of mutants cannot become older than the code.
 */
import { registerHooks } from 'node:module';
import { type Edit, editsOfProcess } from './edit.ts';

const root = new URL('../../../', import.meta.url);
const edits = editsOfProcess();
if (edits.length === 0) throw new Error('this process was given no edits: it would be no mutant');

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const own = edits.filter(({ file }) => new URL(file, root).href === url);
    if (own.length === 0) return loaded;
    return { ...loaded, source: own.reduce(edited, textOf(loaded.source)) };
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
