/**
 * What has been opened so far, to be closed in reverse order: the `AsyncDisposableStack` of Node
 * 24, which Node 22 does not have.
 */
export class Opened implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];

  own<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** @throws the first error; everything is closed all the same */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let next = this.#resources.pop(); next !== undefined; next = this.#resources.pop()) {
      try {
        await next[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
