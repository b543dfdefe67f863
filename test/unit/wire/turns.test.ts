import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { IdentityPoolDescription } from '../../../lib/identity/model.ts';
import { NO_ORIGIN } from '../../../lib/identity/ports/origin-logins.ts';
import type { VerifyLogin } from '../../../lib/identity/ports/verify-login.ts';
import { createTurns, inTurn, yieldWhileVerifying } from '../../../lib/wire/turns.ts';

const POOL: IdentityPoolDescription = {
  IdentityPoolId: 'us-east-1:0',
  IdentityPoolName: 'players',
  AllowUnauthenticatedIdentities: true,
};

/** Starts requests that verify one login per named provider and run afterwards until `finish` is called. */
function startRequests() {
  const turns = createTurns(() => performance.now());
  const answers = new Map<string, PromiseWithResolvers<string>>();
  const answerOf = (provider: string) => {
    const answer = answers.get(provider) ?? Promise.withResolvers<string>();
    answers.set(provider, answer);
    return answer;
  };
  const verify: VerifyLogin = async (_, provider) =>
    provider === 'cached' ? 'ann' : answerOf(provider).promise;
  const { verifyLogin } = yieldWhileVerifying({ verifyLogin: verify, origin: NO_ORIGIN });
  const asking: string[] = [];
  const running: string[] = [];
  const finishes = new Map<string, () => void>();
  const request = (name: string, providers: string[], address = 'a') => {
    const ended = inTurn(turns.enter(address, false), async () => {
      asking.push(name);
      await Promise.all(providers.map((provider) => verifyLogin(POOL, provider, 'token')));
      running.push(name);
      await new Promise<void>((resolve) => finishes.set(name, resolve));
      return name;
    });
    // Requests that still wait when a test ends are rejected ten seconds later.
    ended.catch(() => undefined);
    return ended;
  };
  return { request, asking, running, answerOf, finish: (name: string) => finishes.get(name)?.() };
}

/** Sleeps longer than a request that waits for a provider keeps its turn. */
const untilYielded = () => sleep(100);

describe('a request that waits for a login provider', () => {
  it('gives its turn, the permission to run, to other requests of its address', async () => {
    const { request, running } = startRequests();
    for (const name of ['1', '2', '3']) void request(name, ['down']);
    for (const name of ['4', '5', '6']) void request(name, ['cached']);
    await untilYielded();
    expect(running).toEqual(['4', '5']);
  });

  it('waits for its turn again after the provider has answered', async () => {
    const { request, running, answerOf, finish } = startRequests();
    const slow = request('slow', ['slow', 'slower']);
    await untilYielded();
    for (const name of ['1', '2']) void request(name, []);
    answerOf('slow').resolve('ann');
    answerOf('slower').resolve('ann');
    await untilYielded();
    expect(running).toEqual(['1', '2']);
    finish('1');
    await sleep(0);
    expect(running).toEqual(['1', '2', 'slow']);
    finish('slow');
    expect(await slow).toBe('slow');
    void request('3', []);
    await sleep(0);
    expect(running).toEqual(['1', '2', 'slow', '3']);
  });

  it('fails without a turn if the provider fails, and takes no turn when another provider answers later', async () => {
    const { request, running, answerOf } = startRequests();
    const failing = request('failing', ['down', 'slow']);
    await untilYielded();
    for (const name of ['1', '2']) void request(name, []);
    answerOf('down').reject(new Error('no answer'));
    await expect(failing).rejects.toThrow('no answer');
    answerOf('slow').resolve('ann');
    await untilYielded();
    expect(running).toEqual(['1', '2']);
  });

  it('keeps its turn if 16 requests of its address wait already', async () => {
    const { request, asking, running } = startRequests();
    for (let name = 1; name <= 40; name += 1) void request(String(name), ['down']);
    void request('last', []);
    void request('other address', [], 'b');
    for (let round = 0; round < 10; round += 1) await untilYielded();
    expect(asking.filter((name) => name !== 'other address')).toEqual(
      Array.from({ length: 18 }, (_, index) => String(index + 1)),
    );
    expect(running).toEqual(['other address']);
  });
});
