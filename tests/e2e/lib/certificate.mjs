// SPDX-License-Identifier: MIT
/*
 * Makes a self-signed certificate for 127.0.0.1 and localhost, as Node's crypto cannot: the X.509 structure is written
 * as DER by hand. It is its own CA, so a client that trusts it also checks the server's name.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const DAY_MS = 86_400_000;
const OID = { ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], commonName: [0x55, 0x04, 0x03], subjectAltName: [0x55, 0x1d, 0x11], basicConstraints: [0x55, 0x1d, 0x13] };

function der(tag, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const sequence = (...parts) => der(0x30, ...parts);
const oid = (bytes) => der(0x06, bytes);
const time = (ms) => der(0x17, `${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`);
const name = (text) => sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, text))));
const extension = (id, value) => sequence(oid(id), der(0x04, value));

/** Writes cert.pem and key.pem into a folder: { cert, key, ca } paths. */
export function writeCertificate(folder) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const names = sequence(der(0x82, 'localhost'), der(0x87, [127, 0, 0, 1]));
  const extensions = sequence(extension(OID.basicConstraints, sequence(der(0x01, [0xff]))), extension(OID.subjectAltName, names));
  const content = sequence(
    der(0xa0, der(0x02, [2])), // version 3
    der(0x02, [1]), // serial number
    algorithm,
    name('localhost'),
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    name('localhost'),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const certificate = sequence(content, algorithm, der(0x03, [0], sign('sha256', content, privateKey)));
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  const lines = certificate.toString('base64').match(/.{1,64}/g).join('\n');
  writeFileSync(cert, `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { cert, key, ca: cert };
}
