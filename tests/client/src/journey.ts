// What the mobile app does, with the generated client: register, tell a dream, watch its video, find it in the history.
// Prints one JSON object with what it saw.
import { setTimeout as pause } from "node:timers/promises";
import {
  analyzeDream,
  generateDreamVideo,
  getDream,
  getMe,
  getVideo,
  listDreams,
  login,
  register,
  type AnalyzeDreamError,
  type TokenResponse,
  type VideoStatusResponse,
} from "./api";
import { client } from "./api/client.gen";

const DREAM = "I was flying over a dark forest with twisted trees while the moon was singing";
const PASSWORD = "Sleepy-Heads-1";

let accessToken: string | undefined;

async function main(): Promise<void> {
  const baseURL = process.env["API_URL"];
  if (baseURL === undefined) throw new Error("API_URL is not set");
  client.setConfig({ baseURL, auth: () => accessToken });

  const unauthenticated = await getMe();
  const user = await signUp();
  const { data: me } = await getMe({ throwOnError: true });
  const { data: again } = await login({ body: { email: me.email, password: PASSWORD }, throwOnError: true });

  const told = await generateDreamVideo({ body: { dream_text: DREAM, duration: 6 }, throwOnError: true });
  // 200 brings the analysis along, 202 comes before it is there.
  const job_id = "video_generation" in told.data ? told.data.video_generation.job_id : told.data.job_id;
  const watched = await watch(job_id);
  const { data: dream } = await getDream({ path: { dream_id: watched.dream_id }, throwOnError: true });
  const { data: history } = await listDreams({ query: { limit: 10, category: "flight" }, throwOnError: true });
  const refused = await analyzeDream({ body: { dream_text: "short" } });

  console.log(
    JSON.stringify({
      unauthenticated: unauthenticated.status,
      user,
      me,
      signed_in_again: again.user.id,
      location: String(told.headers["location"]),
      job_id,
      video: watched,
      dream,
      history,
      refused: { status: refused.status, ...problem(refused.error) },
    }),
  );
}

async function signUp(): Promise<TokenResponse["user"]> {
  const username = `client-${Date.now().toString(36)}`;
  const { data } = await register({
    body: { email: `${username}@example.com`, password: PASSWORD, username },
    throwOnError: true,
  });
  if ("confirmation_required" in data) throw new Error("this service wants confirmed addresses");
  accessToken = data.access_token;
  return data.user;
}

async function watch(job_id: string): Promise<VideoStatusResponse> {
  for (;;) {
    const { data, headers } = await getVideo({ path: { job_id }, throwOnError: true });
    if (data.status !== "pending" && data.status !== "processing") return data;
    await pause(Number(headers["retry-after"] ?? 1) * 1000);
  }
}

// The type of an error is a union over everything that the route may answer: ours have a type, the gateway's do not.
function problem(error: AnalyzeDreamError | undefined): { type: string; places: string[] } {
  if (error === undefined || !("type" in error)) return { type: "none", places: [] };
  return { type: error.type, places: (error.errors ?? []).map((each) => each.loc.join(".")) };
}

void main();
