import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';
import { receiveBody, type WireRequest } from '../../../lib/wire/request-body.ts';
import { askRules, type RulesQuestion } from '../rules/ask-rules.ts';
import { type Route, sendJson } from './http-server.ts';

const PATH = '/console/rules';
/**
 * A sync trigger event contains a whole dataset, which has at most 1 MiB. JSON can escape each byte with six
 * characters.
 */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/**
 * Shows the sync rules to the console. `GET /console/rules` describes the current rules file. `POST /console/rules`
 * applies the rules to the events in the body, which has one of the forms that `rules try` accepts. Nothing is stored.
 * The status is 422 if the rules or the events cannot be used.
 *
 * @param rulesFile absolute path
 */
export function createRulesRoute(rulesFile: string): Route {
  return {
    matches: ({ target }) => target === PATH,
    async answer(request, response) {
      const { method } = request;
      if (method !== 'GET' && method !== 'POST') {
        return sendJson(response, 405, { message: `use GET or POST ${PATH}` }, { Allow: 'GET, POST' });
      }
      const question: RulesQuestion =
        method === 'GET' ? { kind: 'describe' } : { kind: 'try', text: await readText(request) };
      try {
        const answer = await askRules(rulesFile, question);
        sendJson(response, 200, isObject(answer) ? answer : {}, { 'Cache-Control': 'no-store' });
      } catch (error) {
        if (!(error instanceof SetupError)) throw error;
        sendJson(response, 422, { message: error.message });
      }
    },
  };
}

async function readText(request: WireRequest): Promise<string> {
  const { body } = await receiveBody(request, MAX_EVENT_BYTES);
  return Buffer.from(body).toString();
}
