import { Page, SkeletonLines } from "@/ui";

export default function PersonaPage() {
  return (
    <Page title="Persona">
      <SkeletonLines />
    </Page>
  );
}
