// Reads {"issuer", "audience", "jwks", "tokens": {name: token}, "count"} from standard input; writes for each verifier and token the
// median and the 99th percentile in microseconds.
import { readFileSync } from "node:fs";
import { createPublicKey } from "node:crypto";
import { JwtVerifier } from "aws-jwt-verify";
import { createVerifier } from "fast-jwt";

const { issuer, audience, jwks, tokens, count } = JSON.parse(readFileSync(0, "utf8"));
const aws = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}jwks.json` });
aws.cacheJwks(jwks);
const measured = {};
for (const [name, token] of Object.entries(tokens)) {
  const { kid } = JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
  const pem = createPublicKey({ key: jwks.keys.find((key) => key.kid === kid), format: "jwk" });
  const fast = createVerifier({ key: pem.export({ type: "spki", format: "pem" }), allowedIss: issuer, allowedAud: audience });
  measured[`aws-jwt-verify ${name}`] = measure(() => aws.verifySync(token));
  measured[`fast-jwt ${name}`] = measure(() => fast(token));
}
process.stdout.write(JSON.stringify(measured));

function measure(decide) {
  const times = [];
  for (let i = 0; i < count + 200; i++) {
    const started = process.hrtime.bigint();
    decide();
    if (i >= 200) times.push(Number(process.hrtime.bigint() - started) / 1000);
  }
  times.sort((a, b) => a - b);
  return [times[Math.floor(times.length / 2)], times[Math.floor(times.length * 0.99)]];
}
