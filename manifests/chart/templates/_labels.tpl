{{- define "selector" -}}
app: pod-index
app.kubernetes.io/name: pod-index
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: server
app.kubernetes.io/part-of: pod-index
{{- end }}
