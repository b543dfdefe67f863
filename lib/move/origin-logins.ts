import { readUnverified } from '../identity/logins/origin-tokens.ts';
import type { OpenedOpenIdToken } from '../identity/open-id-token.ts';
import type { OriginLogins } from '../identity/ports/origin-logins.ts';
import { createOriginGuests, type OriginGuestsDeps } from './origin-guests.ts';
import {
  createOriginQuestions,
  isNotFound,
  type OriginQuestionsDeps,
  presentable,
} from './origin-questions.ts';
import { createOriginSearch } from './origin-search.ts';

export interface OriginLoginsDeps extends OriginQuestionsDeps, OriginGuestsDeps {
  /** Opens an OpenID token that the origin of a pool has issued. @throws an error if the keys cannot be loaded */
  openToken: (identityPoolId: string, token: string) => Promise<OpenedOpenIdToken>;
}

/**
 * Creates the questions about logins that a process asks the origins of pools that are being migrated. While no pool is
 * being migrated, all questions together cost at most one small query per second.
 */
export function createOriginLogins(deps: OriginLoginsDeps): OriginLogins & { close(): void } {
  const questions = createOriginQuestions(deps);
  const { ask, listMoving, isMoving, isKnown, learn, providersAt, close } = questions;
  return {
    ...createOriginGuests(deps, questions),
    ...createOriginSearch(deps, questions),
    listMoving,
    isMoving,
    close,

    identityOf: ({ pool: { IdentityPoolId: identityPoolId }, operation, identityId, logins, unknown }) =>
      ask(identityPoolId, async ({ origin, client }) => {
        const accepted = await providersAt(origin, identityPoolId);
        if (!unknown.some((provider) => accepted.has(provider))) return null;
        // The origin does not know an identity that exists only here. In this case, the origin is only asked to which
        // identity the logins belong.
        const isThere = identityId !== null && (await isKnown({ identityPoolId, identityId }));
        const about = { identityPoolId, logins: presentable(logins, accepted) };
        const getId = () => client.present({ ...about, operation: 'GetId', identityId: null });
        const named = isThere
          ? await client.present({ ...about, operation, identityId }).catch((error: unknown) => {
              // The identity came from the origin, but was deleted there.
              if (isNotFound(error)) return getId();
              throw error;
            })
          : await getId();
        await learn(origin, { identityPoolId, identityId: named.identityId });
        return named.identityId;
      }),

    developerIdentityOf: ({ pool: { IdentityPoolId: identityPoolId }, identityId, logins }) =>
      ask(identityPoolId, async ({ origin, client }) => {
        if (identityId !== null && !(await isKnown({ identityPoolId, identityId }))) return null;
        const named = await client.logInDeveloperUser({ identityPoolId, identityId, logins });
        await learn(origin, { identityPoolId, identityId: named });
        return named;
      }),

    async unlink({ pool: { IdentityPoolId: identityPoolId }, identityId, logins, providers: removed }) {
      const isUnlinked = await ask(identityPoolId, async ({ origin, client }) => {
        const proof = presentable(logins, await providersAt(origin, identityPoolId));
        const isThere = await isKnown({ identityPoolId, identityId });
        if (!isThere || Object.keys(proof).length === 0) return false;
        await client.unlink({ identityId, logins: proof, providers: removed });
        return true;
      });
      return isUnlinked ?? false;
    },

    async unlinkDeveloperUser({ pool: { IdentityPoolId: identityPoolId }, ...user }) {
      await ask(identityPoolId, ({ client }) =>
        client.unlinkDeveloperUser({ identityPoolId, ...user }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        }),
      );
    },

    async openToken(token) {
      const { aud } = readUnverified(token);
      if (typeof aud !== 'string' || !(await isMoving(aud))) return { state: 'invalid' };
      const opened = await ask(aud, async ({ origin }) => {
        const read = await deps.openToken(aud, token);
        if (read.state !== 'valid') return read;
        if (read.identity.identityPoolId !== aud) return { state: 'invalid' } as const;
        await learn(origin, read.identity);
        return read;
      });
      return opened ?? { state: 'invalid' };
    },
  };
}
