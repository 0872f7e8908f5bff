// A user's browser and the application it visits: signs in at the provider by the authorization code flow with PKCE, and
// signs out; the application refreshes its tokens. Nothing but HTTP: cookies, redirects and forms.

import { createHash, randomBytes } from 'node:crypto';

const REDIRECT = 'https://shop.test/callback';

export const application = {
  client_id: 'shop',
  client_secret: 'not-a-secret-of-anyone',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
};

async function exchange(issuer, grant) {
  const { client_id, client_secret } = application;
  const body = new URLSearchParams({ client_id, client_secret, ...grant });
  return (await fetch(`${issuer}/token`, { method: 'POST', body })).json();
}

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

  // Signs in, and gives the tokens that the application is given. Who is to stay signed in while away, or has to sign in
  // once more though the provider knows them, says so by `more` (OpenID Connect Core, sections 3.1.2.1 and 11).
  async signIn(issuer, resource, more = {}) {
    const verifier = randomBytes(32).toString('base64url');
    const asked = new URLSearchParams({
      client_id: application.client_id,
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope: 'openid orders.read',
      resource,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...more,
    });
    const { url, text } = await this.open(`${issuer}/auth?${asked}`);
    const code = new URL(url).searchParams.get('code');
    if (!code) throw new Error(`no code at ${url}: ${text}`);
    const grant = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, resource, code_verifier: verifier };
    this.tokens = await exchange(issuer, grant);
    return this.tokens;
  }

  // The application asks for newer tokens, without its user (RFC 6749, section 6).
  refresh(issuer, resource, refreshToken) {
    return exchange(issuer, { grant_type: 'refresh_token', refresh_token: refreshToken, resource });
  }

  // Signs out, as somebody does who presses "yes".
  async signOut(issuer) {
    const { text } = await this.open(`${issuer}/session/end?${new URLSearchParams({ id_token_hint: this.tokens.id_token })}`);
    const [, xsrf] = /name="xsrf" value="([^"]*)"/.exec(text) ?? [];
    return (await this.open(`${issuer}/session/end/confirm`, { xsrf, logout: 'yes' })).status;
  }
}
