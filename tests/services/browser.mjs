// A user's browser and the application it visits: signs in at the provider by the authorization code flow with PKCE, and
// signs out. Nothing but HTTP: cookies, redirects and forms.

import { createHash, randomBytes } from 'node:crypto';

const REDIRECT = 'https://shop.test/callback';

export const application = {
  client_id: 'shop',
  client_secret: 'not-a-secret-of-anyone',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
};

export class Browser {
  cookies = new Map();

  // Follows redirects as far as they stay with the provider; answers where they lead, or the page.
  async open(url, form) {
    for (let hop = 0; hop < 10; hop += 1) {
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const post = form && { method: 'POST', body: new URLSearchParams(form) };
      const answer = await fetch(url, { ...post, headers: { cookie }, redirect: 'manual' });
      for (const line of answer.headers.getSetCookie()) {
        const [name, value] = line.split(';')[0].split('=');
        if (value) this.cookies.set(name, value); else this.cookies.delete(name);
      }
      const next = answer.headers.get('location');
      if (!next) return { url, status: answer.status, text: await answer.text() };
      const to = new URL(next, url);
      if (to.origin !== new URL(url).origin) return { url: to.href };
      [url, form] = [to.href, undefined];
    }
    throw new Error(`too many redirects at ${url}`);
  }

  // Signs in, and gives the tokens that the application is given.
  async signIn(issuer, resource) {
    const verifier = randomBytes(32).toString('base64url');
    const asked = new URLSearchParams({
      client_id: application.client_id,
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope: 'openid orders.read',
      resource,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const { url, text } = await this.open(`${issuer}/auth?${asked}`);
    const code = new URL(url).searchParams.get('code');
    if (!code) throw new Error(`no code at ${url}: ${text}`);
    const { client_id, client_secret } = application;
    const form = { client_id, client_secret, grant_type: 'authorization_code', code, redirect_uri: REDIRECT, resource, code_verifier: verifier };
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
    this.tokens = await answer.json();
    return this.tokens;
  }

  // Signs out, as somebody does who presses "yes".
  async signOut(issuer) {
    const { text } = await this.open(`${issuer}/session/end?${new URLSearchParams({ id_token_hint: this.tokens.id_token })}`);
    const [, xsrf] = /name="xsrf" value="([^"]*)"/.exec(text) ?? [];
    return (await this.open(`${issuer}/session/end/confirm`, { xsrf, logout: 'yes' })).status;
  }
}
