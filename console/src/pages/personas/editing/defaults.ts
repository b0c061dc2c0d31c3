import { useQuery } from "@tanstack/react-query";

import { api, told } from "@/api/client";

/** What a persona has where it says nothing. */
export function useDefaults() {
  return useQuery({
    queryKey: ["defaults"],
    queryFn: () => told(api.GET("/api/defaults")),
    staleTime: 600_000,
  }).data;
}
