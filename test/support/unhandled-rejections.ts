/**
 * A rejection that nobody handles ends a program, but not a run of mocha, which only passes it on.
 * So the test in which it shows fails here. A test may start several calls and await them one after
 * the other: what is handled by its end is left out.
 */
const unhandled = new Map<Promise<unknown>, unknown>();

process.on('unhandledRejection', (reason, promise) => {
  unhandled.set(promise, reason);
});
process.on('rejectionHandled', (promise) => {
  unhandled.delete(promise);
});

export const mochaHooks = {
  afterEach(): void {
    const reasons = [...unhandled.values()];
    unhandled.clear();
    if (reasons.length === 0) return;
    throw new AggregateError(reasons, `nobody handles: ${reasons.map(String).join('; ')}`);
  },
};
