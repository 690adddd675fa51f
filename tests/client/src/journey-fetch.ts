// The main way through the API with openapi-fetch, typed by openapi-typescript. Prints one JSON object.
import { setTimeout as pause } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Video = components["schemas"]["VideoStatusResponse"];

let accessToken: string | undefined;
const client = createClient<paths>({ baseUrl: process.env["API_URL"] ?? "" });
client.use({
  onRequest({ request }) {
    if (accessToken !== undefined) request.headers.set("Authorization", `Bearer ${accessToken}`);
    return request;
  },
});

async function main(): Promise<void> {
  const username = `fetch-${Date.now().toString(36)}`;
  const registered = await client.POST("/api/v1/auth/register", {
    body: { email: `${username}@example.com`, password: "Sleepy-Heads-1", username },
  });
  if (registered.data === undefined || "confirmation_required" in registered.data) throw new Error("not registered");
  accessToken = registered.data.access_token;
  const told = await client.POST("/api/v1/dreams/generate-video", {
    body: { dream_text: "I was flying over a dark forest with twisted trees", duration: 5, aspect_ratio: "9:16" },
  });
  if (told.data === undefined) throw new Error(JSON.stringify(told.error));
  const { dream_id, job_id } = told.data;
  const video = await watch(job_id);
  const list = await client.GET("/api/v1/videos", { params: { query: { status: "completed" } } });
  const again = await client.GET("/api/v1/videos/{job_id}", { params: { path: { job_id } } });
  const quota = await client.GET("/api/v1/quota");
  console.log(
    JSON.stringify({
      dream_id,
      job_id,
      video,
      listed: list.data?.videos,
      again: again.data,
      tier: quota.data?.tier,
    }),
  );
}

async function watch(job_id: string): Promise<Video> {
  for (;;) {
    const { data, response } = await client.GET("/api/v1/videos/{job_id}", { params: { path: { job_id } } });
    if (data === undefined) throw new Error(`status ${response.status}`);
    if (data.status !== "pending" && data.status !== "processing") return data;
    await pause(Number(response.headers.get("retry-after") ?? 1) * 1000);
  }
}

void main();
