import { SetupError } from '../common/errors.ts';

/** Rules that cannot be used. The message is one line that names every place that is wrong. */
export class RulesError extends SetupError {
  override name = 'RulesError';
  /** One for each place, such as `datasets.game.keys.score.maxBytes: must be a whole number from 0`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the sync rules cannot be used: ${problems.join('; ')}`);
    this.problems = problems;
  }
}
