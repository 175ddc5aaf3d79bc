import type { OpenApiAuth } from '../../config/index.ts';
import { ToolFailure } from '../tool.ts';
import type { Parameter } from './operations.ts';
import type { ApiRequest } from './request.ts';

/**
 * Adds the API's key to a request. It is read from the environment with each call, so that a new one counts at once.
 * @param at where the config names it: `config.openapi.pets.auth`
 * @returns the secret, to be kept out of what is told
 * @throws ToolFailure AuthenticationFailed where the variable is not set
 */
export function addCredentials(
  { url, headers }: ApiRequest,
  auth: OpenApiAuth,
  env: NodeJS.ProcessEnv,
  at: string,
): string {
  if ('bearerEnv' in auth) {
    const token = secret(auth.bearerEnv, env, at);
    headers.set('authorization', `Bearer ${token}`);
    return token;
  }
  if ('basicEnv' in auth) {
    const pair = secret(auth.basicEnv, env, at);
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    return pair;
  }
  const key = secret(auth.apiKeyEnv, env, at);
  if ('header' in auth) headers.set(auth.header, key);
  else url.searchParams.set(auth.query, key);
  return key;
}

/** A parameter that the config answers. */
export function isCredential(auth: OpenApiAuth | undefined, { in: place, name }: Parameter): boolean {
  if (auth === undefined || !('apiKeyEnv' in auth)) return false;
  if ('header' in auth) return place === 'header' && name.toLowerCase() === auth.header.toLowerCase();
  return place === 'query' && name === auth.query;
}

function secret(variable: string, env: NodeJS.ProcessEnv, at: string): string {
  const value = env[variable];
  if (value) return value;
  const message = `This worker has no variable ${variable}, which ${at} names`;
  throw new ToolFailure({ type: 'AuthenticationFailed', message, path: at });
}
