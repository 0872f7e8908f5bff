// oidc-provider signs JWT access tokens and forgets them, so that it cannot be asked about them: `introspection` and
// `revocation` are for the opaque ones. Here it keeps of each JWT what it keeps of an opaque token, under its `jti`, and a
// JWT that is asked about is asked about by its `jti`. All else is its own: who may ask, what is active, what revoking does.

import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const ENDPOINTS = /\/token\/(introspection|revocation)$/;

export async function askable(modules) {
  const main = createRequire(`${modules}/`).resolve('oidc-provider');
  const opaque = await import(pathToFileURL(join(dirname(main), 'models', 'formats', 'opaque.js')));

  async function keep(provider, token, { payload: { iat, exp } }) {
    const { payload } = await opaque.getValueAndPayload(provider, token);
    await token.adapter.upsert(token.jti, { ...payload, iat, exp, format: 'opaque' }, exp - iat);
  }

  async function translate(ctx, next) {
    if (ctx.method === 'POST' && ENDPOINTS.test(ctx.path)) {
      const chunks = [];
      for await (const chunk of ctx.req) chunks.push(chunk);
      const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      const [, claims] = (form.token ?? '').split('.');
      if (claims) form.token = JSON.parse(Buffer.from(claims, 'base64url')).jti;
      ctx.req.body = form;
    }
    await next();
  }

  return { keep, translate };
}
