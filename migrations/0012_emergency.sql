-- Emergency accesses as those who read the access log list them: of an organisation, and of one deployment.
CREATE INDEX emergency_accesses_of_organisation ON emergency_accesses (organisation_id, id);
CREATE INDEX emergency_accesses_of_deployment ON emergency_accesses (deployment_id, id);
