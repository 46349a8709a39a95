/** What a test's program writes to the console, instead of the console. */
export interface Printed {
  readonly out: string[];
  readonly err: string[];
}

/** Captures the console of the tests around it. */
export function printed(): Printed {
  const lines: Printed = { out: [], err: [] };
  const { log, error } = console;
  beforeEach(() => {
    lines.out.length = 0;
    lines.err.length = 0;
    console.log = (text: string) => void lines.out.push(text);
    console.error = (text: string) => void lines.err.push(text);
  });
  afterEach(() => Object.assign(console, { log, error }));
  return lines;
}
