/**
 * A rejection that nobody handles ends a program, but not a run of mocha, which only passes it on.
 * So the test in which it shows fails here.
 */
const unhandled = new Set<unknown>();

process.on('unhandledRejection', (reason) => {
  unhandled.add(reason);
});

export const mochaHooks = {
  afterEach(): void {
    const reasons = [...unhandled];
    unhandled.clear();
    if (reasons.length === 0) return;
    throw new AggregateError(reasons, `nobody handles: ${reasons.map(String).join('; ')}`);
  },
};
