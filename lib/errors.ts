/**
 * A mistake in how the program was set up or called: an environment value, a port in use, a database
 * that does not answer. Its message is one line that says what is wrong and what to do about it; entry
 * points print that line alone and exit with code 1.
 */
export class SetupError extends Error {
  override name = 'SetupError';
}
