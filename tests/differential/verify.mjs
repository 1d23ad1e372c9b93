// Reads {"issuer", "audience", "jwks", "tokens"} from standard input and writes whether aws-jwt-verify accepts each token.
import { readFileSync } from "node:fs";
import { JwtVerifier } from "aws-jwt-verify";

const { issuer, audience, jwks, tokens } = JSON.parse(readFileSync(0, "utf8"));
const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}jwks.json`, graceSeconds: 30 });
verifier.cacheJwks(jwks);
const accepts = (token) => {
  try {
    verifier.verifySync(token);
    return true;
  } catch {
    return false;
  }
};
process.stdout.write(JSON.stringify(tokens.map(accepts)));
