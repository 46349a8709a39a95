/**
 * Loaded before everything else (`node --import`): product files are loaded with the edits that the environment names. A
 * file in which an edit's place is not found exactly once ends the process, so the list cannot become older than the code.
 */
import { registerHooks } from 'node:module';
import { editsVariable } from './edits-variable.ts';
import type { Edit } from './mutant-list.ts';

const root = new URL('../../../../../', import.meta.url);
const edits = JSON.parse(process.env[editsVariable] ?? '[]') as readonly Edit[];

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
