/** The code blocks of a language on a page, in order. */
export function blocksOf(page: string, language: string): readonly string[] {
  const pattern = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs');
  return [...page.matchAll(pattern)].map(([, text = '']) => text);
}

/** The program with this clone in the place of the installed package. */
export function runnable(program: string): string {
  const api = new URL('../../src/index.ts', import.meta.url).href;
  return program
    .replace("from 'kafka-journal'", `from '${api}'`)
    .replace("from 'xstate'", `from '${import.meta.resolve('xstate')}'`);
}
