// An identity provider on loopback, for one resource: `node provider.mjs RESOURCE` writes its issuer to standard output.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider, errors } from "oidc-provider";

const resource = process.argv[2];
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...key, use: "sig", alg: "RS256", kid: "1" }] },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    scopes: ["openid", "offline_access", "reports:read", "reports:write"],
    // A client registers with the scopes of its first 401, and asks for others later. The server may ignore the former
    // (RFC 7591, section 3.2.1).
    extraClientMetadata: { properties: ["any"], validator: (_context, _name, _value, client) => delete client.scope },
    features: {
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, indicator) => {
          if (indicator !== resource) throw new errors.InvalidTarget();
          return {
            audience: indicator,
            scope: "reports:read reports:write",
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          };
        },
        useGrantedResource: () => true,
      },
    },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});
