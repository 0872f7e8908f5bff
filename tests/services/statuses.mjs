// A status list, made by a package that others wrote (@sd-jwt/jwt-status-list), and signed with a key of the provider.

import { createRequire } from 'node:module';
import { createPrivateKey, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pathToFileURL } from 'node:url';

const PLACES = 100_000;

export async function statuses(modules) {
  const package_ = createRequire(`${modules}/`).resolve('@sd-jwt/jwt-status-list');
  const { StatusList, createHeaderAndPayload } = await import(pathToFileURL(package_));
  const list = new StatusList(new Array(PLACES).fill(0), 2);
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return {
    set: (index, value) => list.setStatus(index, value),
    // The list as it is now, which may be kept for one second.
    token: (uri, key) => {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { sub: uri, iat, exp: iat + 60, ttl: 1 };
      const jose = { alg: 'ES256', typ: 'statuslist+jwt', kid: key.kid };
      const { header, payload } = createHeaderAndPayload(list, claims, jose);
      const input = `${encode(header)}.${encode(payload)}`;
      const signer = { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
      return gzipSync(`${input}.${sign('sha256', Buffer.from(input), signer).toString('base64url')}`);
    },
  };
}
