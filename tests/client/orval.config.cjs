const input = { target: "openapi.json" };
module.exports = {
  axios: {
    input,
    output: {
      target: "src/orval/axios.ts",
      client: "axios-functions",
      override: { mutator: { path: "src/http.ts", name: "request" } },
    },
  },
  zod: { input, output: { target: "src/orval/zod.ts", client: "zod" } },
};
