{{- define "omniops.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "omniops.fullname" -}}
{{- $name := include "omniops.name" . }}
{{- .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "omniops.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "omniops.fullname" .) "default") }}
{{- end }}

{{- define "omniops.selector" -}}
app.kubernetes.io/name: {{ include "omniops.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "omniops.labels" -}}
{{ include "omniops.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- define "omniops.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* kubernetes:?all-namespaces=true&selector=team%3Dblue */}}
{{- define "omniops.source" -}}
{{- $options := list }}
{{- if .Values.watch.allNamespaces }}{{ $options = append $options "all-namespaces=true" }}{{ end }}
{{- with .Values.watch.namespace }}{{ $options = append $options (printf "namespace=%s" .) }}{{ end }}
{{- with .Values.watch.selector }}{{ $options = append $options (printf "selector=%s" (urlquery . | replace "+" "%20")) }}{{ end }}
{{- "kubernetes:" }}{{ with $options }}?{{ join "&" . }}{{ end }}
{{- end }}

{{- /* git-token-file: OMNIOPS_GIT_TOKEN_FILE */}}
{{- define "omniops.variable" -}}
OMNIOPS_{{ . | upper | replace "-" "_" }}
{{- end }}

{{- define "omniops.kinds" -}}
[omniclusters, omniconnections, omnicontrolplanes, omnihelmreleases, omnikubeconfigexports, omnimachineclasses, omnimachines, omnisecretsyncs, omniworkers]
{{- end }}

{{- /* The same as deploy/kustomize/agent/access.yaml; a test compares them. */}}
{{- define "omniops.rules" -}}
{{- $kinds := include "omniops.kinds" . | fromYamlArray }}
- apiGroups: [omni.texashpc.com]
  resources:
    {{- range $kinds }}
    - {{ . }}
    {{- end }}
  verbs: [get, list, watch, patch]
- apiGroups: [omni.texashpc.com]
  resources:
    {{- range $kinds }}
    - {{ . }}/status
    {{- end }}
  verbs: [get, patch, update]
- apiGroups: [omni.texashpc.com]
  resources:
    {{- range $kinds }}
    - {{ . }}/finalizers
    {{- end }}
  verbs: [update]
{{- with .Values.secrets.names }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get, list, watch]
{{- end }}
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.secrets.any }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
{{- end }}
{{- if .Values.handlers.enabled }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
{{- end }}

{{- /* What values can say that makes no sense together. */}}
{{- define "omniops.check" -}}
{{- if and .Values.watch.allNamespaces .Values.watch.namespace }}
{{- fail "watch.allNamespaces and watch.namespace: give one of them" }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (gt (int .Values.shards) 1) }}
{{- fail "replicas and shards: give one of them; shards stand by for each other" }}
{{- end }}
{{- if and (or (gt (int .Values.replicas) 1) (gt (int .Values.shards) 1)) (not .Values.leaderElection.enabled) }}
{{- fail "several agents without leaderElection.enabled would all write at once" }}
{{- end }}
{{- range $flag, $file := .Values.files }}
{{- if eq (empty $file.secret) (empty $file.configMap) }}
{{- fail (printf "files.%s: give either secret or configMap" $flag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "omniops.config" -}}
{{- $config := dict
  "OMNIOPS_SOURCE" (prepend .Values.sources (include "omniops.source" .) | join " ")
  "OMNIOPS_HTTP" ":8080"
  "OMNIOPS_LOG_FORMAT" "json"
  "OMNIOPS_LOG_LEVEL" .Values.logLevel
  "OMNIOPS_CACHE_DIR" "/var/cache/omniops"
  "OMNIOPS_DRIFT" .Values.drift
  "OMNIOPS_OWNER" .Values.owner }}
{{- with .Values.gate }}{{ $_ := set $config "OMNIOPS_GATE" . }}{{ end }}
{{- if .Values.leaderElection.enabled }}
{{- $_ := set $config "OMNIOPS_LEADER_ELECT" "true" }}
{{- with .Values.leaderElection.leaseName }}{{ $_ := set $config "OMNIOPS_LEASE_NAME" . }}{{ end }}
{{- end }}
{{- range $flag, $file := .Values.files }}
{{- $_ := set $config (include "omniops.variable" $flag) (printf "/etc/omniops/%s/%s" $flag $file.key) }}
{{- end }}
{{- range $name, $value := .Values.config }}{{ $_ := set $config $name (toString $value) }}{{ end }}
{{- toYaml $config }}
{{- end }}
