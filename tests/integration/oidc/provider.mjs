// A certified OpenID provider (panva's oidc-provider) with the clients, people and keys that a test states.
// One line of JSON on standard input is one setting of everything, and its answer is the line "ready"; a second
// line changes the keys while it runs, as a rotation does. It ends when standard input closes.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

let handle = (request, answer) => answer.writeHead(503).end();
let counts = {};
const server = createServer((request, answer) => {
  const path = new URL(request.url, "http://provider").pathname;
  counts[path] = (counts[path] ?? 0) + 1;
  if (path === "/counts") {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify(counts));
    return;
  }
  handle(request, answer);
});

/** Return a provider as `stated`: issuer, jwks, clients, people, resources and token_type. */
function provider(stated) {
  const made = new Provider(stated.issuer, {
    jwks: stated.jwks,
    clients: stated.clients,
    cookies: { keys: ["of a test"] },
    claims: { openid: ["sub", "groups", "name"] },
    conformIdTokenClaims: false,
    scopes: ["openid", "profile"],
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => stated.resources[0],
        useGrantedResource: () => true,
        getResourceServerInfo: (context, resource) => {
          if (!stated.resources.includes(resource)) {
            throw new Error("no such resource");
          }
          const jwt = { sign: { alg: stated.algorithm ?? "RS256" } };
          return { scope: stated.scopes, audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt };
        },
      },
    },
    extraTokenClaims: (context, token) => stated.people[token.accountId] ?? {},
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, ...stated.people[id] }) }),
  });
  made.on("server_error", (context, error) => console.error(error));
  return made.callback();
}

for await (const line of createInterface({ input: process.stdin })) {
  const stated = JSON.parse(line);
  handle = provider(stated);
  if (!server.listening) {
    await new Promise((done) => server.listen(stated.port, "127.0.0.1", done));
  }
  console.log("ready");
}
server.closeAllConnections();
server.close();
