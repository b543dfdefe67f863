/**
 * Resources that are closed in reverse order, even if closing one of them fails. A replacement for
 * `AsyncDisposableStack`, which Node 22 does not have.
 */
export class Resources implements AsyncDisposable {
  #closers: (() => unknown)[] = [];

  defer(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Moves the resources to a new object, so that disposing this one closes nothing. */
  move(): Resources {
    const moved = new Resources();
    moved.#closers = this.#closers;
    this.#closers = [];
    return moved;
  }

  /** Does nothing if it was called before. @throws the first error of a resource, after all were closed */
  async disposeAsync(): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}
